locals {
  a = { x = 1 }.y
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
