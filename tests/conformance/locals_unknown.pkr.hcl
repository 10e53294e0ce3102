locals {
  a = local.nope
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
