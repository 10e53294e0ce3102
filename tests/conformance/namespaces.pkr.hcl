locals {
  a = packer.nope

}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
