source "amazon-chroot" "disk" {
  ami_name   = "chroot-test"
  region     = "eu-west-1"
  source_ami = "ami-12345678"
  root_device_name = "xvda"
  root_volume_size = 8
  ami_block_device_mappings {
    device_name = "xvda"
  }
}

build {
  sources = ["source.amazon-chroot.disk"]
}
