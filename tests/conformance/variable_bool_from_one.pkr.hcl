variable "v" {
  type    = bool
  default = "1"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
