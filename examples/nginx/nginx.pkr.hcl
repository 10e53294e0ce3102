# Bakes a Debian image with Nginx and your own page, and pushes it to a registry.
# forge and Packer up to 1.9 have the docker builder built in; a later Packer needs its plugin installed (README.md).

variable "base_image" {
  type        = string
  description = "Image to start from: Debian or a relative of it."
  default     = "debian:12"
}

variable "repository" {
  type        = string
  description = "Where the image is pushed, without the tag."
  default     = "127.0.0.1:5000/forge-demo/nginx"
}

variable "tag" {
  type    = string
  default = "1.0.0"
}

variable "page_title" {
  type        = string
  description = "Replaces @TITLE@ in site/index.html."
  default     = "Baked by forge"
}

locals {
  manifest = "${path.root}/manifest.json"
}

source "docker" "nginx" {
  image   = var.base_image
  commit  = true
  author  = "forge-action"
  message = "Nginx with our own page"
  changes = [
    "ENV LANG=C.UTF-8",
    "EXPOSE 80",
    "ENTRYPOINT [\"nginx\"]",
    "CMD [\"-g\", \"daemon off;\"]",
    "LABEL org.opencontainers.image.version=${var.tag}",
  ]
}

build {
  sources = ["source.docker.nginx"]

  provisioner "shell" {
    environment_vars = ["DEBIAN_FRONTEND=noninteractive"]
    inline = [
      "apt-get update -qq",
      "apt-get install -qq -y --no-install-recommends nginx-light",
      "rm -rf /var/lib/apt/lists/* /var/www/html/*",
    ]
  }

  # The slash at the end of source: the files of site/ go into the folder, not site/ itself.
  provisioner "file" {
    source      = "${path.root}/site/"
    destination = "/var/www/html"
  }

  provisioner "shell" {
    environment_vars = ["PAGE_TITLE=${var.page_title}"]
    script           = "${path.root}/set-title.sh"
  }

  post-processors {
    post-processor "docker-tag" {
      repository = var.repository
      tags       = [var.tag]
    }
    post-processor "docker-push" {}
    post-processor "manifest" {
      output = local.manifest
    }
  }

  # The image has no files of its own to sum up, so artifice names the manifest.
  post-processors {
    post-processor "artifice" {
      files               = [local.manifest]
      keep_input_artifact = true
    }
    post-processor "checksum" {
      checksum_types = ["sha256"]
      output         = "${path.root}/manifest.{{.ChecksumType}}"
    }
  }
}
