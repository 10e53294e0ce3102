locals {
  a = [{ x = 1 }, { x = 2 }][*].x
  b = [{ x = [1] }, { x = [2] }].*.x.0
  c = "s"[*]
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
