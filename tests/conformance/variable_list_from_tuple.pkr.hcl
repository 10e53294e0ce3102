variable "v" {
  type    = list(string)
  default = ["a", 1, true]
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
