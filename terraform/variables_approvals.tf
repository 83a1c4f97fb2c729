variable "approvals" {
  description = "Two persons (docs/approvals.md): `{}` makes the signing keys of the verifier and the monitor, and a secret for the policy file, which names their public halves. Once its first version is there, `{ policy_version = \"1\" }` mounts it in every job at the fixed path; from then on it rules. `null`: no policy."
  type = object({
    policy_version = optional(string)
  })
  default = null

  validation {
    condition     = var.approvals == null ? true : var.approvals.policy_version == null ? true : can(regex("^[1-9][0-9]*$", var.approvals.policy_version))
    error_message = "approvals.policy_version must be the number of a version, such as \"1\": with \"latest\" whoever may add a version would change the policy at once."
  }
}
