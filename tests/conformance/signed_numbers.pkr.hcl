locals {
  a = - 5
  b = [- 5, -	1.5]
  c = max(- 5, 2)
  d = "${- 5}"
  e = -/* c */5
  f = 3 - - 2
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
