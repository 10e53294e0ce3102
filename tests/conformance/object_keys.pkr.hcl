locals {
  a = { "x y" = 1, b = 2, (upper("c")) = 3, "${"d"}e" = 4 }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
