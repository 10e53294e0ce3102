locals {
  a = -3 % 2
  b = 7 / 2
  c = 1 + "2"
  d = !true || false
  e = 0.1 + 0.2
  f = 1e3
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
