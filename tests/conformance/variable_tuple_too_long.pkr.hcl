variable "v" {
  type    = tuple([string])
  default = [1, "2"]
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
