# Options of the ansible plugin (github.com/hashicorp/ansible).

options "galaxy" {
  galaxy_file            = string
  galaxy_command         = string
  galaxy_force_install   = bool
  galaxy_force_with_deps = bool
}

provisioner "ansible" {
  use                     = [galaxy]
  command                 = string
  extra_arguments         = list(string)
  ansible_env_vars        = list(string)
  playbook_file           = string
  groups                  = list(string)
  empty_groups            = list(string)
  host_alias              = string
  user                    = string
  local_port              = number
  ssh_host_key_file       = string
  ssh_authorized_key_file = string
  ansible_proxy_key_type  = string
  sftp_command            = string
  skip_version_check      = bool
  use_sftp                = bool
  inventory_directory     = string
  inventory_file_template = string
  inventory_file          = string
  keep_inventory_file     = bool
  use_proxy               = bool
  ansible_winrm_use_http  = bool
  ansible_ssh_extra_args  = list(string)
  roles_path              = string
  collections_path        = string
}

provisioner "ansible-local" {
  use                     = [galaxy]
  command                 = string
  extra_arguments         = list(string)
  group_vars              = string
  host_vars               = string
  playbook_dir            = string
  playbook_file           = string
  playbook_files          = list(string)
  playbook_paths          = list(string)
  role_paths              = list(string)
  collection_paths        = list(string)
  staging_directory       = string
  clean_staging_directory = bool
  inventory_file          = string
  inventory_groups        = list(string)
  galaxy_roles_path       = string
  galaxy_collections_path = string
}
