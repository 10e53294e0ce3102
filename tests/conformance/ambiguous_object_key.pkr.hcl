variable "s" {
  default = "k"
}
locals {
  a = { var.s = 1 }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
