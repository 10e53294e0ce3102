locals {
  a = lookup({ a = 1 }, "b")
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
