// What the server tells the page: its texts, its addresses, and who may embed it (chatproxy/page.py).

export const data = JSON.parse(document.getElementById("page-data").textContent);
