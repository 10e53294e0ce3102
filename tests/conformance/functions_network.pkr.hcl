locals {
  a = cidrsubnet("10.0.0.0/8", 8, 2)
  b = cidrhost("10.0.0.0/24", -2)
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
