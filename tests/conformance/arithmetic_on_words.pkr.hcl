locals {
  a = 1 + "x"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
