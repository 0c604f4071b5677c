// A drawing that the server has made: its words are escaped there.
export default ({ data, parentElement }) => {
  parentElement.querySelector(".drawing").innerHTML = data.svg;
};
