variable "v" {
  default = "abcdef"
  validation {
    condition     = length(var.v) > 5 && can(upper(var.v))
    error_message = "The v must be longer."
  }
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
