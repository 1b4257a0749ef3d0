"""What a search answers, as a proto."""

from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb

from serving.rpc import wire
from serving.search.query import Searched


def reply(searched: Searched, told: pb.Answer, next_page_token: str) -> search_pb.SearchResponse:
    return search_pb.SearchResponse(
        items=wire.items(searched.answered.items),
        next_page_token=next_page_token,
        total_size=searched.total,
        match=f"QUERY_MATCH_{searched.rest.match}",
        corrections=[
            search_pb.Correction(written=written, taken=taken)
            for written, taken in searched.corrected
        ],
        unknown_words=searched.unknown,
        facets=[
            search_pb.Facet(
                field=facet.field,
                values=[search_pb.FacetCount(value=v, count=n) for v, n in facet.values],
            )
            for facet in searched.facets
        ],
        answer=told,
    )
