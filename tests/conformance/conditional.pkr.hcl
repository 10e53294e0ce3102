locals {
  a = true ? "a" : 1
  b = 1 > 2 ? [] : [1]
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
