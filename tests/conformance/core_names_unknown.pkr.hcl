source "null" "n" {
  communicator    = "none"
  packer_anything = true
}

build {
  sources = ["source.null.n"]
}
