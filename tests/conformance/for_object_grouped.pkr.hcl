locals {
  a = { for x in ["a", "b", "a"] : x => x... }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
