source "null" "n" {
  communicator = "none"
  packer_debug = true
}

build {
  sources = ["source.null.n"]

  provisioner "shell-local" {
    inline       = ["true"]
    packer_force = "true"
  }
}
