locals {
  a = { x = 1, x = 2 }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
