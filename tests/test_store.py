import gzip
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import StoreError
from autoqa.records import (
    Action,
    Channel,
    Evaluation,
    Evidence,
    Flag,
    RaterKind,
    Rating,
    Speaker,
    Status,
    Survey,
    Transcript,
    Turn,
)
from autoqa.store import (
    RecordWriter,
    arrow_schema,
    atomic_write_json,
    atomic_write_text,
    from_dict,
    from_pandas,
    from_polars,
    read_records,
    to_arrow,
    to_dict,
    to_pandas,
    to_polars,
    write_records,
)
from autoqa.store.tables import stored_table

NASTY = "".join(["\x00\x01\x1f\x7f\u0085\u2028\u2029\ufeff\U0001f600e\u0301", '<b>"=1+1\\n\r\n,;'])
text = st.one_of(st.just(NASTY), st.just(""), st.text(max_size=12))
name = st.one_of(st.just(NASTY), st.text(min_size=1, max_size=8))
finite = st.floats(allow_nan=False, allow_infinity=False)
time_zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.none() | st.datetimes(timezones=st.none() | time_zones)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
json_maps = st.dictionaries(text, json_values, max_size=3)
actions = st.builds(Action, name=name, arguments=json_maps, result=st.none() | text)


@st.composite
def turns(draw):
    start = draw(st.none() | st.floats(0, 1e6))
    end = draw(st.none() | st.floats(0, 1e6))
    if start is not None and end is not None and end < start:
        start, end = end, start
    return Turn(
        speaker=draw(st.sampled_from(Speaker)),
        text=draw(text),
        start_s=start,
        end_s=end,
        actions=tuple(draw(st.lists(actions, max_size=2))),
    )


transcripts = st.builds(
    Transcript,
    conversation_id=name,
    turns=st.lists(turns(), max_size=3).map(tuple),
    channel=st.sampled_from(Channel),
    language=st.sampled_from(["en", "es-MX", "zh"]),
    agent=st.none() | text,
    customer=st.none() | text,
    started_at=moments,
    closing_actions=st.lists(actions, max_size=2).map(tuple),
    attributes=json_maps,
)
evidence = st.builds(
    Evidence,
    turn=st.integers(0, 99),
    start=st.just(1),
    end=st.integers(1, 10**6),
    contribution=finite,
)


@st.composite
def ratings(draw):
    status = draw(st.sampled_from(Status))
    rated = status is Status.RATED
    return Rating(
        conversation_id=draw(name),
        criterion=draw(name),
        rater=draw(text),
        kind=draw(st.sampled_from(RaterKind)),
        status=status,
        turn=draw(st.none() | st.integers(0, 10**6)),
        level=draw(st.integers(-(10**9), 10**9)) if rated else None,
        expected=draw(st.none() | finite),
        probabilities=draw(st.sampled_from([(), (1.0,), (0.25, 0.75)])),
        evidence=tuple(draw(st.lists(evidence, max_size=2))),
        reason=draw(name),
    )


evaluations = st.builds(
    Evaluation,
    conversation_id=name,
    rater=text,
    kind=st.sampled_from(RaterKind),
    scorecard=text,
    scorecard_version=st.integers(1, 99),
    total=st.none() | st.floats(0, 100),
    critical_failed=st.lists(text, max_size=2).map(tuple),
    coverage=st.floats(0, 1),
    ratings=st.lists(ratings(), max_size=2).map(tuple),
    section_totals=st.dictionaries(text, st.none() | st.floats(0, 100), max_size=2),
)
surveys = st.builds(
    Survey,
    conversation_id=name,
    score=st.floats(1, 5),
    scale=st.just((1.0, 5.0)),
    comment=st.none() | text,
    answered_at=moments,
    given_by=text,
)
flags = st.builds(
    Flag,
    conversation_id=name,
    reason=text,
    message=text,
    priority=st.floats(0, 1),
    criterion=st.none() | text,
)
BY_TYPE = {
    Transcript: transcripts,
    Rating: ratings(),
    Evaluation: evaluations,
    Survey: surveys,
    Flag: flags,
}
every_type = pytest.mark.parametrize("record_type", BY_TYPE, ids=lambda t: t.__name__)
any_table = st.sampled_from(list(BY_TYPE)).flatmap(
    lambda t: st.tuples(st.just(t), st.lists(BY_TYPE[t], max_size=4))
)


def rating(**changes):
    fields = {
        "conversation_id": "c1",
        "criterion": "greeting",
        "rater": "ana",
        "kind": "human",
        "status": "rated",
        "level": 1,
    }
    return Rating(**(fields | changes))


@given(any_table)
def test_every_record_survives_plain_data_and_json(table):
    record_type, records = table
    for record in records:
        through_json = json.loads(json.dumps(to_dict(record)))
        assert from_dict(record_type, through_json) == record


@settings(max_examples=60, deadline=None)
@given(table=any_table, suffix=st.sampled_from([".jsonl", ".jsonl.gz", ".parquet"]))
def test_every_record_survives_every_kind_of_file(tmp_path_factory, table, suffix):
    record_type, records = table
    path = tmp_path_factory.mktemp("store") / f"table{suffix}"
    assert write_records(path, records, record_type) == len(records)
    assert list(read_records(path, record_type)) == records


@settings(max_examples=60, deadline=None)
@given(any_table)
def test_every_record_survives_data_frames(table):
    record_type, records = table
    assert from_pandas(to_pandas(records, record_type), record_type) == records
    assert from_polars(to_polars(records, record_type), record_type) == records


def test_none_and_empty_stay_apart():
    silent = Survey(conversation_id="c", score=1, scale=(1, 5), comment=None)
    empty = Survey(conversation_id="c", score=1, scale=(1, 5), comment="")
    assert from_pandas(to_pandas([silent, empty], Survey), Survey) == [silent, empty]


def test_a_missing_turn_does_not_turn_the_column_into_floats():
    frame = to_pandas([rating(turn=3), rating(turn=None)], Rating)
    assert str(frame["turn"].dtype) == "Int64"
    assert frame["turn"].tolist()[0] == 3


def test_an_offset_is_kept_not_only_the_instant(tmp_path):
    local = datetime(2024, 5, 17, 9, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    survey = Survey(conversation_id="c", score=1, scale=(1, 5), answered_at=local)
    write_records(tmp_path / "s.parquet", [survey], Survey)
    (found,) = read_records(tmp_path / "s.parquet", Survey)
    assert found.answered_at.utcoffset() == timedelta(hours=5, minutes=45)
    assert found.answered_at == local.astimezone(UTC)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_same_content_gives_same_bytes_however_it_arrives(tmp_path, suffix):
    records = [rating(conversation_id=f"c{i}", reason=NASTY) for i in range(50)]
    with RecordWriter(tmp_path / f"a{suffix}", Rating) as writer:
        for record in records:
            writer.write([record])
    write_records(tmp_path / f"b{suffix}", iter(records), Rating)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_maps_that_are_equal_give_equal_bytes(tmp_path):
    turn = Turn(speaker="agent", text="hi")
    for file, attributes in (("a", {"x": 1, "y": 2}), ("b", {"y": 2, "x": 1})):
        record = Transcript(conversation_id="c", turns=(turn,), attributes=attributes)
        write_records(tmp_path / f"{file}.jsonl", [record], Transcript)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_both_kinds_of_file_say_what_they_hold_and_in_which_version(tmp_path):
    import pyarrow.parquet as pq

    write_records(tmp_path / "r.jsonl", [rating()], Rating)
    write_records(tmp_path / "r.parquet", [rating()], Rating)
    header = json.loads((tmp_path / "r.jsonl").read_text().splitlines()[0])
    assert header == {"autoqa": "rating", "schema_version": 1}
    metadata = pq.read_schema(tmp_path / "r.parquet").metadata
    assert metadata[b"autoqa_record"] == b"rating"
    assert metadata[b"autoqa_schema_version"] == b"1"


def test_parquet_keeps_evidence_as_structs_that_other_tools_can_query(tmp_path):
    import pyarrow.parquet as pq

    spans = (Evidence(turn=0, start=1, end=4),)
    write_records(tmp_path / "r.parquet", [rating(evidence=spans)], Rating)
    row = pq.read_table(tmp_path / "r.parquet").to_pylist()[0]
    assert row["evidence"] == [{"turn": 0, "start": 1, "end": 4, "contribution": 0.0}]


def test_a_newer_file_says_to_upgrade(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text('{"autoqa": "rating", "schema_version": 2}\n')
    with pytest.raises(StoreError, match=r"version 2.*up to 1; upgrade autoqa-transcripts"):
        list(read_records(path, Rating))


def test_a_newer_parquet_file_says_to_upgrade(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [("conversation_id", pa.string())],
        metadata={"autoqa_record": "rating", "autoqa_schema_version": "7"},
    )
    pq.write_table(pa.Table.from_pylist([], schema=schema), tmp_path / "r.parquet")
    with pytest.raises(StoreError, match=r"version 7.*upgrade"):
        list(read_records(tmp_path / "r.parquet", Rating))


def test_a_table_of_another_record_is_refused_by_name(tmp_path):
    write_records(tmp_path / "r.parquet", [rating()], Rating)
    with pytest.raises(StoreError, match="holds rating records, not survey records"):
        list(read_records(tmp_path / "r.parquet", Survey))


def test_a_file_of_someone_else_is_refused_with_advice(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text('{"conversation_id": "c"}\n')
    with pytest.raises(StoreError, match=r"no header.*autoqa.readers"):
        list(read_records(path, Rating))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]\n", b"\x1f\x8b\x08"])
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_a_damaged_file_is_a_store_error(tmp_path, content, suffix):
    path = tmp_path / f"r{suffix}"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="r" + suffix.replace(".", r"\.")):
        list(read_records(path, Rating))


def test_a_truncated_gzip_is_a_store_error(tmp_path):
    path = tmp_path / "r.jsonl.gz"
    write_records(path, [rating(conversation_id=f"c{i}") for i in range(300)], Rating)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match="cannot be read"):
        list(read_records(path, Rating))


def test_a_bad_row_is_named_by_file_and_line(tmp_path):
    path = tmp_path / "r.jsonl"
    row = to_dict(rating()) | {"status": "maybe"}
    path.write_text(f'{{"autoqa": "rating", "schema_version": 1}}\n{json.dumps(row)}\n')
    with pytest.raises(StoreError, match=r"r\.jsonl:2: Rating\.status: 'maybe'"):
        list(read_records(path, Rating))


def test_an_unknown_field_gets_a_near_miss():
    with pytest.raises(StoreError, match=r"unknown field 'levl'. Did you mean 'level'"):
        from_dict(Rating, {**to_dict(rating()), "levl": 1})


def test_missing_fields_take_their_default_or_are_named():
    plain = to_dict(rating())
    del plain["evidence"]
    assert from_dict(Rating, plain) == rating()
    del plain["rater"]
    with pytest.raises(StoreError, match="rater missing"):
        from_dict(Rating, plain)


def test_a_record_that_breaks_its_own_rules_is_a_store_error():
    with pytest.raises(StoreError, match="status is rated but there is no level"):
        from_dict(Rating, to_dict(rating()) | {"level": None})


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"x": math.nan}, "nan where a number belongs"),
        ({"x": "\ud800"}, "half of a surrogate pair"),
        ({"\udfff": 1}, "half of a surrogate pair"),
        ({1: "x"}, "int where text belongs"),
        ({"x": {1, 2}}, "set, which JSON cannot hold"),
        ({"x": b"raw"}, "bytes, which JSON cannot hold"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused_by_field(tmp_path, attributes, said):
    turn = Turn(speaker="agent", text="hi")
    record = Transcript(conversation_id="c9", turns=(turn,), attributes=attributes)
    for suffix in (".jsonl", ".parquet"):
        with pytest.raises(StoreError, match=rf"Transcript\.attributes of 'c9': .*{said}"):
            write_records(tmp_path / f"t{suffix}", [record], Transcript)
        assert list(tmp_path.iterdir()) == []


def test_a_lone_surrogate_in_a_turn_is_refused():
    record = Transcript(conversation_id="c", turns=(Turn(speaker="agent", text="a\udc00"),))
    with pytest.raises(StoreError, match=r"Transcript\.turns.*character 1 is half"):
        to_dict(record)


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "r.parquet"
    write_records(path, [rating()], Rating)
    before = path.read_bytes()

    def breaks():
        yield rating(level=2)
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_records(path, breaks(), Rating)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.parquet"]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_nothing_is_visible_under_the_name_before_the_end(tmp_path, suffix):
    path = tmp_path / f"r{suffix}"
    with RecordWriter(path, Rating) as writer:
        writer.write([rating()])
        assert not path.exists()
    assert path.exists()


def test_the_file_has_the_permissions_that_the_umask_gives(tmp_path):
    write_records(tmp_path / "r.jsonl", [rating()], Rating)
    (tmp_path / "plain").write_text("")
    modes = {p.stat().st_mode for p in tmp_path.iterdir()}
    assert len(modes) == 1


def test_parquet_is_cut_into_row_groups_so_that_reading_streams(tmp_path):
    import pyarrow.parquet as pq

    turn = Turn(speaker="agent", text="hi")
    records = (Transcript(conversation_id=f"c{i}", turns=(turn,)) for i in range(1200))
    write_records(tmp_path / "t.parquet", records, Transcript)
    assert pq.ParquetFile(tmp_path / "t.parquet").num_row_groups == 3  # 500 + 500 + 200


def test_a_gz_file_is_gzip(tmp_path):
    write_records(tmp_path / "r.jsonl.gz", [rating()], Rating)
    assert len(gzip.decompress((tmp_path / "r.jsonl.gz").read_bytes()).splitlines()) == 2


def test_an_unknown_suffix_names_those_known(tmp_path):
    with pytest.raises(StoreError, match=r"must end in \.parquet, \.jsonl, \.jsonl\.gz"):
        RecordWriter(tmp_path / "r.csv", Rating)


def test_a_record_of_another_type_is_refused(tmp_path):
    flag = Flag(conversation_id="c", reason="r", message="m", priority=1)
    with pytest.raises(StoreError, match="Flag in a table of Rating"):
        write_records(tmp_path / "r.jsonl", [flag], Rating)


def test_a_data_frame_with_an_unknown_column_gets_a_near_miss():
    frame = to_pandas([rating()], Rating).rename(columns={"rater": "ratr"})
    with pytest.raises(StoreError, match=r"unknown column 'ratr'. Did you mean 'rater'"):
        from_pandas(frame, Rating)


def test_a_data_frame_may_leave_out_columns_with_a_default():
    frame = to_pandas([rating()], Rating).drop(columns=["evidence", "probabilities", "turn"])
    assert from_pandas(frame, Rating) == [rating()]
    narrow = to_polars([rating()], Rating).drop("evidence", "probabilities", "turn")
    assert from_polars(narrow, Rating) == [rating()]


@every_type
def test_an_empty_table_has_every_column(record_type):
    assert list(to_pandas([], record_type).columns) == to_polars([], record_type).columns
    assert from_pandas(to_pandas([], record_type), record_type) == []


def test_text_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "note.txt"
    atomic_write_text(path, "old")
    with pytest.raises(StoreError, match="half of a surrogate pair"):
        atomic_write_text(path, "new \ud800")
    assert path.read_text() == "old"


def test_json_is_sorted_and_refuses_nan(tmp_path):
    atomic_write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "a": "é",\n  "b": 1\n}\n'
    with pytest.raises(StoreError, match=r"a\.json: not JSON"):
        atomic_write_json(tmp_path / "a.json", {"a": math.nan})


def test_a_folder_that_spark_wrote_is_one_table(tmp_path):
    import pyarrow.parquet as pq

    flags = [
        Flag(conversation_id=f"c{i}", reason="low_total", message="low", priority=0.5)
        for i in range(4)
    ]
    folder = tmp_path / "flags"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    said = {key.decode(): v.decode() for key, v in arrow_schema(Flag).metadata.items()}
    first = {"name": "conversation_id", "metadata": said}
    # Spark describes columns, not files.
    described = {b"org.apache.spark.sql.parquet.row.metadata": json.dumps({"fields": [first]})}
    for part in (0, 1):
        rows = to_arrow(flags[2 * part : 2 * part + 2], Flag).replace_schema_metadata(described)
        pq.write_table(rows, folder / f"part-0000{part}.zstd.parquet")
    assert list(read_records(folder, Flag)) == flags
    assert stored_table(tmp_path, "flags") == folder
    assert stored_table(tmp_path, "ratings") is None
    with pytest.raises(StoreError, match="holds flag records, not rating records"):
        list(read_records(folder, Rating))
    write_records(tmp_path / "flags.parquet", flags, Flag)
    assert stored_table(tmp_path, "flags") == tmp_path / "flags.parquet"
