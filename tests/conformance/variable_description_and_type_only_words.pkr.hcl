variable "v" {
  description = "what it is"
  type        = string
  default     = ""
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
