locals {
  a = 'x'
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
