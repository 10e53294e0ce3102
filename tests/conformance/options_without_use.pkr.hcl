variable "windows_password" {
  type    = string
  default = null
}

source "amazon-ebs" "web" {
  region         = "eu-west-1"
  instance_type  = "t3.micro"
  source_ami     = "ami-12345678"
  ami_name       = "web"
  ssh_username   = "ubuntu"
  winrm_username = "Administrator"
  winrm_password = var.windows_password
  winrm_use_ssl  = false

  vault_aws_engine {}
}

source "docker" "box" {
  image             = "x"
  commit            = true
  ssh_username      = "root"
  windows_container = false
}

build {
  sources = ["source.amazon-ebs.web", "source.docker.box"]
}
