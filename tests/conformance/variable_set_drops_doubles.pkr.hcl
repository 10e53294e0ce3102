variable "v" {
  type    = set(string)
  default = ["b", "a", "b"]
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
