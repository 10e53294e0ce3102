locals {
  a = { b = { c = [1, 2, { d = "e" }] } }.b.c[2].d
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
