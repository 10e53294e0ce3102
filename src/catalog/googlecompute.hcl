# Options of the googlecompute plugin (github.com/hashicorp/googlecompute).

# Authentication; shared by the builder and the post-processors.
options "gce_authentication" {
  access_token                = string
  account_file                = string # deprecated
  credentials_file            = string
  credentials_json            = string
  impersonate_service_account = string
  vault_gcp_oauth_engine      = string
}

# A customer-managed or customer-supplied key; the names are camelCase.
options "gce_encryption_key" {
  kmsKeyName = string
  rawKey     = string
}

options "gce_iap" {
  use_iap                = bool
  iap_localhost_port     = number
  iap_hashbang           = string
  iap_ext                = string
  iap_tunnel_launch_wait = number
}

# Other universes and endpoints.
options "gce_endpoints" {
  universe_domain  = string
  custom_endpoints = map(string)
}

builder "googlecompute" {
  use                             = [gce_authentication, communicator, gce_iap, gce_endpoints]
  project_id                      = string
  accelerator_type                = string
  accelerator_count               = number
  address                         = string
  disable_default_service_account = bool
  disk_name                       = string
  disk_size                       = number
  disk_type                       = string
  disk_encryption_key {
    use = [gce_encryption_key]
  }
  enable_nested_virtualization = bool
  enable_secure_boot           = bool
  enable_vtpm                  = bool
  enable_integrity_monitoring  = bool
  disk_attachment "list" {
    attachment_mode = string
    create_image    = bool
    device_name     = string
    disk_encryption_key {
      use = [gce_encryption_key]
    }
    disk_name      = string
    interface_type = string
    iops           = number
    keep_device    = bool
    replica_zones  = list(string)
    source_volume  = string
    volume_size    = number
    volume_type    = string
    source_image   = string
    _              = string # internal: the zone
  }
  skip_create_image  = bool
  image_architecture = string
  image_name         = string
  image_description  = string
  image_encryption_key {
    use = [gce_encryption_key]
  }
  image_family                  = string
  image_labels                  = map(string)
  image_licenses                = list(string)
  image_guest_os_features       = list(string)
  image_project_id              = string
  image_signatures_db           = list(string)
  image_platform_key            = string
  image_key_exchange_key        = list(string)
  image_forbidden_signatures_db = list(string)
  image_storage_locations       = list(string)
  instance_name                 = string
  labels                        = map(string)
  machine_type                  = string
  metadata                      = map(string)
  metadata_files                = map(string)
  min_cpu_platform              = string
  network                       = string
  network_project_id            = string
  omit_external_ip              = bool
  on_host_maintenance           = string
  max_run_duration_in_seconds   = number
  instance_termination_action   = string
  preemptible                   = bool
  node_affinity "list" {
    key      = string
    operator = string
    values   = list(string)
  }
  reservation_affinity {
    consume_reservation_type = string
    key                      = string
    values                   = list(string)
  }
  specific_reservation_required = bool
  state_timeout                 = string
  region                        = string
  scopes                        = list(string)
  service_account_email         = string
  source_image                  = string
  source_image_family           = string
  source_image_project_id       = list(string)
  startup_script_file           = string
  windows_password_timeout      = string
  wrap_startup_script           = bool
  subnetwork                    = string
  tags                          = list(string)
  resource_manager_tags         = map(string)
  use_internal_ip               = bool
  use_os_login                  = bool
  network_ip                    = string
  oslogin_ssh_username          = string
  oslogin_ssh_key_expire_after  = string
  wait_to_add_ssh_keys          = string
  zone                          = string
  deprecate_at                  = string
  obsolete_at                   = string
  delete_at                     = string
}

post-processor "googlecompute-export" {
  use                   = [gce_authentication]
  scopes                = list(string)
  disk_size             = number
  disk_type             = string
  machine_type          = string
  network               = string
  paths                 = list(string)
  subnetwork            = string
  zone                  = string
  service_account_email = string
}

post-processor "googlecompute-import" {
  use                           = [gce_authentication]
  scopes                        = list(string)
  project_id                    = string
  iap                           = bool # internal
  bucket                        = string
  gcs_object_name               = string
  image_architecture            = string
  image_description             = string
  image_family                  = string
  image_guest_os_features       = list(string)
  image_labels                  = map(string)
  image_name                    = string
  image_storage_locations       = list(string)
  skip_clean                    = bool
  image_platform_key            = string
  image_key_exchange_key        = list(string)
  image_signatures_db           = list(string)
  image_forbidden_signatures_db = list(string)
}

data "googlecompute-image" {
  use         = [gce_endpoints]
  project_id  = string
  filters     = string
  most_recent = bool
  output "single" {
    id            = string
    name          = string
    creation_date = string
    labels        = map(string)
  }
}

data "googlecompute-secretsmanager" {
  use        = [gce_endpoints]
  project_id = string
  name       = string
  key        = string
  version    = string
  output "single" {
    payload  = string
    value    = string
    checksum = number
  }
}

data "googlecompute-parametermanager" {
  project_id = string
  location   = string
  name       = string
  version    = string
  key        = string
  output "single" {
    payload = string
    value   = string
  }
}
