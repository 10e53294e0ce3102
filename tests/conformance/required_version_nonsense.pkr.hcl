packer {
  required_version = "new"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
