# An AMI with a web server: Ubuntu by filter, Nginx from its packages, a page of your own.
#
#   forge build examples/amazon-ebs
#   forge build -var 'share_with=["111122223333"]' examples/amazon-ebs

variable "region" {
  type    = string
  default = "eu-west-1"
}

variable "copy_to" {
  type    = list(string)
  default = ["eu-central-1"]
}

variable "share_with" {
  type    = list(string)
  default = []
}

# Where the instance is launched; without them, in the account's default VPC.
variable "vpc_id" {
  type    = string
  default = ""
}

variable "subnet_id" {
  type    = string
  default = ""
}

variable "ssh_interface" {
  type    = string
  default = ""
}

source "amazon-ebs" "web" {
  region        = var.region
  instance_type = "t3.micro"
  ssh_username  = "ubuntu"
  vpc_id        = var.vpc_id
  subnet_id     = var.subnet_id
  ssh_interface = var.ssh_interface

  source_ami_filter {
    owners      = ["099720109477"] # Canonical
    most_recent = true
    filters = {
      name                = "ubuntu/images/*ubuntu-jammy-22.04-amd64-server-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  ami_name        = "web-{{timestamp}}"
  ami_description = "Nginx on {{ .SourceAMIName }}"
  ami_regions     = var.copy_to
  ami_users       = var.share_with

  tags = {
    Name      = "web"
    SourceAMI = "{{ .SourceAMI }}"
  }
}

build {
  sources = ["source.amazon-ebs.web"]

  provisioner "shell" {
    inline = [
      "sudo apt-get -q update",
      "sudo apt-get -qy install --no-install-recommends nginx-light",
      "echo '<h1>Built from ${build.SourceAMIName}</h1>' | sudo tee /var/www/html/index.html",
    ]
  }

  provisioner "file" {
    source      = "${path.root}/site/about.html"
    destination = "/tmp/about.html"
  }

  provisioner "shell" {
    inline = ["sudo install -m 644 /tmp/about.html /var/www/html/about.html", "rm /tmp/about.html"]
  }

  post-processor "manifest" {
    output = "manifest.json"
    custom_data = {
      source = "${build.SourceAMIName}"
    }
  }
}
