variable "v" {
  default = ["a"]
  validation {
    condition     = length([for s in var.v : s if s == "a"]) > 0 && can([for k, s in var.v : length(s) > 0])
    error_message = "Ok."
  }
}
variable "w" {
  default = "abc"
  validation {
    condition     = "%{ for c in ["a"] }${c}%{ endfor }${var.w}" != ""
    error_message = <<EOT
Hello there.
EOT
  }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
