locals {
  a = { for k, v in { x = 1, y = 2 } : upper(k) => v + 1 if v > 1 }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
