# Options of Packer's own components, and the groups that the plugins' builders share.

options "ssh" {
  ssh_host                     = string
  ssh_port                     = number
  ssh_username                 = string
  ssh_password                 = string
  ssh_keypair_name             = string
  temporary_key_pair_name      = string
  temporary_key_pair_type      = string
  temporary_key_pair_bits      = number
  ssh_ciphers                  = list(string)
  ssh_clear_authorized_keys    = bool
  ssh_key_exchange_algorithms  = list(string)
  ssh_private_key_file         = string
  ssh_certificate_file         = string
  ssh_pty                      = bool
  ssh_timeout                  = string
  ssh_wait_timeout             = string # deprecated
  ssh_agent_auth               = bool
  ssh_disable_agent_forwarding = bool
  ssh_handshake_attempts       = number
  ssh_bastion_host             = string
  ssh_bastion_port             = number
  ssh_bastion_agent_auth       = bool
  ssh_bastion_username         = string
  ssh_bastion_password         = string
  ssh_bastion_interactive      = bool
  ssh_bastion_private_key_file = string
  ssh_bastion_certificate_file = string
  ssh_file_transfer_method     = string
  ssh_proxy_host               = string
  ssh_proxy_port               = number
  ssh_proxy_username           = string
  ssh_proxy_password           = string
  ssh_keep_alive_interval      = string
  ssh_read_write_timeout       = string
  ssh_remote_tunnels           = list(string)
  ssh_local_tunnels            = list(string)
  ssh_public_key               = list(number) # set by core
  ssh_private_key              = list(number) # set by core
}

options "winrm" {
  winrm_username = string
  winrm_password = string
  winrm_host     = string
  winrm_no_proxy = bool
  winrm_port     = number
  winrm_timeout  = string
  winrm_use_ssl  = bool
  winrm_insecure = bool
  winrm_use_ntlm = bool
}

options "communicator" {
  use                     = [ssh, winrm]
  communicator            = string
  pause_before_connecting = string
}

options "http_config" {
  http_directory        = string
  http_content          = map(string)
  http_port_min         = number
  http_port_max         = number
  http_bind_address     = string
  http_interface        = string
  http_network_protocol = string
}

options "iso_config" {
  iso_checksum         = string
  iso_url              = string
  iso_urls             = list(string)
  iso_target_path      = string
  iso_target_extension = string
}

options "floppy_config" {
  floppy_files   = list(string)
  floppy_dirs    = list(string)
  floppy_content = map(string)
  floppy_label   = string
}

options "cd_config" {
  cd_files   = list(string)
  cd_content = map(string)
  cd_label   = string
}

options "boot_config" {
  boot_keygroup_interval = string
  boot_wait              = string
  boot_command           = list(string)
}

options "vnc_config" {
  use               = [boot_config]
  disable_vnc       = bool
  boot_key_interval = string
}

options "shutdown_config" {
  shutdown_command = string
  shutdown_timeout = string
}

builder "null" {
  use = [communicator]
}

builder "file" {
  content = string
  source  = string
  target  = string
}

# Scripts, wherever they run.
options "scripts" {
  inline           = list(string)
  script           = string
  scripts          = list(string)
  environment_vars = list(string)
  env              = map(string)
  env_var_format   = string
  valid_exit_codes = list(number)
}

options "local_script" {
  use                = [scripts]
  command            = string # deprecated
  inline_shebang     = string
  execute_command    = list(string)
  only_on            = list(string)
  tempfile_extension = string
  use_linux_pathing  = bool
}

provisioner "breakpoint" {
  note    = string
  disable = bool
}

provisioner "file" {
  content     = string
  source      = string
  sources     = list(string)
  destination = string
  direction   = string
  generated   = bool
}

provisioner "hcp-sbom" {
  source            = string
  destination       = string
  sbom_name         = string
  auto_generate     = bool
  scanner_url       = string
  scanner_checksum  = string
  scanner_args      = list(string)
  scan_path         = string
  execute_command   = string
  elevated_user     = string
  elevated_password = string
}

provisioner "powershell" {
  use                      = [scripts]
  binary                   = bool
  remote_path              = string
  remote_env_var_path      = string
  execute_command          = string
  elevated_execute_command = string
  elevated_env_var_format  = string
  elevated_user            = string
  elevated_password        = string
  execution_policy         = string
  start_retry_timeout      = string
  skip_clean               = bool
  pause_after              = string
  debug_mode               = number
  use_pwsh                 = bool
}

provisioner "shell" {
  use                 = [scripts]
  binary              = bool
  execute_command     = string
  inline_shebang      = string
  use_env_var_file    = bool
  remote_folder       = string
  remote_file         = string
  remote_path         = string
  skip_clean          = bool
  start_retry_timeout = string
  expect_disconnect   = bool
  pause_after         = string
}

provisioner "shell-local" {
  use = [local_script]
}

provisioner "sleep" {
  duration = string
}

provisioner "windows-restart" {
  restart_command       = string
  restart_check_command = string
  restart_timeout       = string
  check_registry        = bool
  registry_keys         = list(string)
}

provisioner "windows-shell" {
  use                 = [scripts]
  binary              = bool
  remote_path         = string
  execute_command     = string
  start_retry_timeout = string
}

post-processor "artifice" {
  files = list(string)
}

post-processor "checksum" {
  checksum_types = list(string)
  output         = string
}

post-processor "compress" {
  output            = string
  format            = string
  compression_level = number
}

post-processor "manifest" {
  output      = string
  strip_path  = bool
  strip_time  = bool
  custom_data = map(string)
}

post-processor "provenance" {
  provenance          = bool
  build_type          = string
  output_dir          = string
  template            = string
  only_builds         = list(string)
  user_variables      = map(string)
  source_uri          = string
  sbom                = bool
  sbom_format         = string
  sbom_scan_path      = string
  sbom_scope          = string
  sbom_exclude        = list(string)
  signing_mode        = string
  signer              = string
  key                 = string
  verifier            = string
  fulcio_url          = string
  rekor_url           = string
  upload_tlog         = bool
  trusted_root_path   = string
  keyless_identity    = string
  keyless_oidc_issuer = string
}

post-processor "shell-local" {
  use = [local_script]
}

data "null" {
  input = string
  output "single" {
    output = string
  }
}

data "http" {
  url             = string
  method          = string
  request_headers = map(string)
  request_body    = string
  output "single" {
    url             = string
    body            = string
    request_headers = map(string)
  }
}

data "hcp-packer-version" {
  bucket_name  = string
  channel_name = string
  output "single" {
    author_id      = string
    bucket_name    = string
    status         = string
    channel_name   = string
    created_at     = string
    fingerprint    = string
    id             = string
    name           = string
    updated_at     = string
    has_descendants = bool
    channel_id     = string
  }
}

data "hcp-packer-artifact" {
  bucket_name         = string
  channel_name        = string
  version_fingerprint = string
  platform            = string
  region              = string
  component_type      = string
  output "single" {
    platform            = string
    component_type      = string
    created_at          = string
    build_id            = string
    version_id          = string
    channel_id          = string
    packer_run_uuid     = string
    external_identifier = string
    region              = string
    labels              = map(string)
  }
}

# Deprecated forerunners of the two above.
data "hcp-packer-iteration" {
  bucket_name = string
  channel     = string
  output "single" {
    author_id           = string
    bucket_name         = string
    complete            = bool
    created_at          = string
    fingerprint         = string
    id                  = string
    incremental_version = number
    updated_at          = string
    channel_id          = string
  }
}

data "hcp-packer-image" {
  bucket_name    = string
  channel        = string
  iteration_id   = string
  cloud_provider = string
  region         = string
  component_type = string
  output "single" {
    cloud_provider  = string
    component_type  = string
    created_at      = string
    build_id        = string
    iteration_id    = string
    channel_id      = string
    packer_run_uuid = string
    id              = string
    region          = string
    labels          = map(string)
  }
}
