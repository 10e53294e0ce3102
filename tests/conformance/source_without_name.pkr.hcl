source "null" {}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
