locals {
  a = "\x41"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
