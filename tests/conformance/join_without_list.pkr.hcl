locals {
  a = join(",")
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
