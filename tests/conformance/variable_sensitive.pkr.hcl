variable "v" {
  default   = "hidden"
  sensitive = true
}
locals {
  w = "a-${var.v}"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
