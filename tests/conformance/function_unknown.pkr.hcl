locals {
  a = uper("x")
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
