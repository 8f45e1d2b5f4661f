"""Which run goes on."""

from neurocluster.cli.resume import run_of_this_job


def test_a_job_that_was_started_again_finds_its_run(tmp_path, monkeypatch, capsys):
    out = str(tmp_path)
    (tmp_path / "config.toml").touch()
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)
    assert run_of_this_job(out) is None
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    assert capsys.readouterr().err == ""
    assert run_of_this_job(out) == tmp_path
    told = f"Slurm started this job again: going on with {tmp_path}\n"
    assert capsys.readouterr().err == told


def test_without_a_name_or_before_it_began_there_is_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert run_of_this_job(None) is None
    assert run_of_this_job(str(tmp_path / "none")) is None
