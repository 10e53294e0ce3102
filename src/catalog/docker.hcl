# Options of the docker plugin (github.com/hashicorp/docker).

options "ecr" {
  aws_access_key           = string
  aws_secret_key           = string
  aws_token                = string
  aws_profile              = string
  aws_force_use_public_ecr = bool
}

options "login" {
  use            = [ecr]
  login          = bool
  login_username = string
  login_password = string
  login_server   = string
  ecr_login      = bool
}

builder "docker" {
  use               = [communicator, login]
  author            = string
  changes           = list(string)
  commit            = bool
  container_dir     = string
  device            = list(string)
  cap_add           = list(string)
  cap_drop          = list(string)
  discard           = bool
  docker_path       = string
  exec_user         = string
  export_path       = string
  image             = string
  message           = string
  privileged        = bool
  pty               = bool
  pull              = bool
  run_command       = list(string)
  runtime           = string
  tmpfs             = list(string)
  volumes           = map(string)
  fix_upload_owner  = bool
  windows_container = bool
  platform          = string
  build {
    path      = string
    build_dir = string
    pull      = bool
    arguments = map(string)
    compress  = bool
  }
}

post-processor "docker-import" {
  docker_path = string
  repository  = string
  tag         = string
  changes     = list(string)
  platform    = string
}

post-processor "docker-push" {
  use         = [login]
  docker_path = string
  platform    = string
}

post-processor "docker-save" {
  docker_path = string
  path        = string
}

post-processor "docker-tag" {
  docker_path = string
  repository  = string
  tags        = list(string)
  tag         = list(string) # deprecated
  force       = bool
}
