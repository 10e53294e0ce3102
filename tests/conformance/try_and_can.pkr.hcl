locals {
  a = try(local.nope, [].x, "z")
  b = can(nope)
  c = can(1)
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
