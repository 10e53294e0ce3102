packer {
  required_version = ">= 1.6.0, < 99"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
