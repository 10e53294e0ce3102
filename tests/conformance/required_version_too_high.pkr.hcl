packer {
  required_version = ">= 99"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
