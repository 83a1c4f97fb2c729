# Disks of jobs count against quotas of the project in its region. Cloud Run refuses the job, or its execution at the
# moment when a backup is due: a plan says so before.

locals {
  # A check of the target unpacks nothing.
  size_of = {
    for name, job in local._jobs : name => name == "restore-check"
    ? { cpu = 1, max_retries = 1, memory_gib = 1, scratch_gib = 0, tasks = 1, timeout_minutes = 15 }
    : local.sizes[local.size_name[name]]
  }
  size_name = { for name, job in local._jobs : name => name == "backup-continuous" ? "continuous" : job.image }

  disk_from_gib = 10
  disk_jobs     = { for name in keys(local.jobs) : name => local.size_of[name] if local.size_of[name].scratch_gib >= local.disk_from_gib }
  # All at once: a restore does not wait for the night's backups.
  disk_volumes = sum(concat([0], [for size in values(local.disk_jobs) : size.tasks]))
  disk_gib     = sum(concat([0], [for size in values(local.disk_jobs) : size.tasks * size.scratch_gib]))

  # Disks need a job that was made as BETA, and a job's stage is not changed later: so those that may get one are.
  launch_stage = { for name, job in local._jobs : name => name != "restore-check" && contains(["backup", "restore", "verify"], job.image) ? "BETA" : "GA" }
}
