locals {
  a = [for x in ["a", "b"] : upper(x)]
  b = [for i, x in ["a", "b"] : "${i}${x}" if i > 0]
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
