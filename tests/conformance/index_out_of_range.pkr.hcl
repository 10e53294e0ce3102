locals {
  a = [1][3]
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
