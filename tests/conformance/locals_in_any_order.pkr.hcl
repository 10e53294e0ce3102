locals {
  a = local.b
  b = local.c
  c = "x"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
