locals {
  a = <<EOT
 one
  ${1 + 1}
EOT
  b = <<-EOT
      one
        two
    EOT
  c = <<EOT
%{for x in [1, 2]~}
- ${x}
%{endfor~}
EOT
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
