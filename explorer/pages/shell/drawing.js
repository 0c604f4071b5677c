// A drawing that the server has made: its words are escaped there.
export default ({ data, parentElement }) => {
  parentElement.querySelector("div").innerHTML = data.svg;
};
