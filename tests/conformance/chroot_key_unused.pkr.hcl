source "amazon-chroot" "disk" {
  ami_name   = "chroot-test"
  region     = "eu-west-1"
  source_ami = "ami-12345678"
  root_volume_kms_key_id   = "alias/x"
  root_volume_encrypt_boot = false
}

build {
  sources = ["source.amazon-chroot.disk"]
}
